"""Analysis of files that hold counts alone: how many images were right, not which.

Networks are what varies here. Every interval is over another draw of networks of the same design,
with the images as they are; what needs to know which images were right is not estimated.
"""

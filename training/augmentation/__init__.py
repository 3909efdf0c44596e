"""What is done to the training images: one table of augmentations, batched, on the device."""

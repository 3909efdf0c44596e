"""What changes the images a network learns from: batched, on the batch's own device."""

"""From the trained pipeline to what an image is built from."""

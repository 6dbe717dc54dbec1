"""TensorRT and CUDA: compile a network, and run it on a GPU."""

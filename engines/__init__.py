"""Run a trained model package: ONNX Runtime now, TensorRT later. Imports none of ours."""

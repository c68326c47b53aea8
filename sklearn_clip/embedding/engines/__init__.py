"""Engines that run a tower: OpenVINO and ONNX Runtime beside torch."""

"""Fine-tune a small chat model by LoRA and export it to ONNX: the third road beside prompts and retrieval."""

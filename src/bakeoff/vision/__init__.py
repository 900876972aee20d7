"""Images for models and OCR: loading with limits, reading text, layout and fields."""

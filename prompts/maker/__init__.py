"""The parts that make_prompts.py and measure_prompts.py are built from."""

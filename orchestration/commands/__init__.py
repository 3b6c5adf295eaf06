"""What a person types: one module per command, each with `main(arguments) -> exit code`.

Not here: what a command sets in motion.
"""

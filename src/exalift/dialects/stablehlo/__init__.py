"""stablehlo."""

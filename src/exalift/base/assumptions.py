"""What is assumed of a source by whoever reads it and by whoever proves something of it, in one wording."""

NO_ALIAS = "arrays that are passed through different pointers do not overlap"
NO_OVERFLOW = "signed integer arithmetic does not overflow (where it would, it wraps around here)"

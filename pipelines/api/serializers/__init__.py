"""What the API takes and shows of the conductor's tables, in camelCase; JSON that is stored is passed on untouched."""

"""`fasterpose reproduce`: the rows of a published table trained at any scale, beside what the paper prints."""

"""Sealing, opening, signing and verifying, all by standard means: age, Ed25519, DSSE, HKDF.

Every failure of a library comes out as one of our errors; nothing is decrypted in part.
"""

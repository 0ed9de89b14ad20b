"""The chaos run: sessions on real processes that are killed, suspended and cut off, compared with undisturbed runs.

make chaos ROUNDS=1000 SEED=42        or        python -m tests.faults.chaos --rounds 1000 --seed 42
"""

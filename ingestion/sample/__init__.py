"""The sample operator: a seeded simulator that writes landing files for demos and tests.

Not here: anything that the pipeline runs on; of the rest of `ingestion` it shares the contracts only.
"""

from __future__ import annotations

from ingestion.sample.deliveries import VERSION, Manifest, write_sample

__all__ = ["VERSION", "Manifest", "write_sample"]

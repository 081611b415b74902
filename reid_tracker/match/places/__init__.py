"""Describes where cameras are and how people move between them. Open `topology` first.

`topology` holds travel times and overlaps of cameras. `transit` measures them in recorded
sightings, and `learn` derives safe limits during a run. `ground` maps pictures to the ground plane
with homographies, which `homography` fits and `calibration` reads. `trails` stores positions.
"""

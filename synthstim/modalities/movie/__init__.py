"""Movies: (time, channel, y, x) float32, display values in [0, 1] at a frame rate; lossless files, what observers are shown."""

from synthstim.modalities.movie.files import MovieFile, read_movie, write_movie
from synthstim.modalities.movie.input import MovieInput
from synthstim.modalities.movie.levels import MAX_VALUES
from synthstim.modalities.movie.making import moved, movie_of_frames
from synthstim.modalities.movie.modality import MovieModality

MODALITY = MovieModality()

__all__ = [
    "MAX_VALUES",
    "MODALITY",
    "MovieFile",
    "MovieInput",
    "MovieModality",
    "moved",
    "movie_of_frames",
    "read_movie",
    "write_movie",
]

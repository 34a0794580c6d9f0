"""The videos of EPIC-KITCHENS-100's validation set, and the layouts in which videos are found."""

# Relative to --videos: of EPIC-KITCHENS-100 and its downloader, flat, and of the original sequences
# (EPIC-KITCHENS-55), which come in videos/{train,test}/P01/
VIDEO_PATTERNS = (
    "*/videos/*",
    "EPIC-KITCHENS/*/videos/*",
    "videos/*",
    "*",
    "videos/train/*/*",
    "videos/test/*/*",
    "train/*/*",
    "test/*/*",
    "*/videos/train/*/*",
    "*/videos/test/*/*",
    "videos/P*/*",
    "P*/*",
)

# Participant → numbers of the videos in EPIC_100_validation.csv of the official annotations
_VALIDATION = {
    "P01": "11 12 13 14 15",
    "P02": "12 13 14 15",
    "P03": "21 22 23 24 25 26",
    "P04": "24 25 26 27 28 29 30 31 32 33",
    "P05": "07 09",
    "P06": "10 11 12 13 14",
    "P07": "12 13 14 15 16 17 18",
    "P08": "09 10 14 15 16 17",
    "P09": "07 08",
    "P10": "03",
    "P11": "17 18 19 20 21 22 23 24",
    "P12": "03 08",
    "P13": "01 02 03",
    "P14": "06 08",
    "P15": "04 05 06",
    "P16": "04",
    "P17": "02",
    "P18": "01 02 03 04 05 06 07 08 09 10 11 12",
    "P19": "05 06",
    "P20": "05 06 07",
    "P21": "02",
    "P22": "01 02 03 04",
    "P23": "05",
    "P24": "09",
    "P25": "06 07 08",
    "P26": "30 31 32 33 34 35 36 37 38 39 40 41",
    "P27": "05",
    "P28": "15 16 17 18 19 20 21 22 23 24 25 26",
    "P29": "05 06",
    "P30": "07 08 09",
    "P31": "10 11 12",
    "P32": "01 02 03 04 05 06 07 08 09 10",
}
VALIDATION_VIDEOS = frozenset(
    f"{participant}_{number}"
    for participant, numbers in _VALIDATION.items()
    for number in numbers.split()
)

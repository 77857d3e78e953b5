#!/usr/bin/env python3
"""Scores a run of `baoxue link household.csv student.csv births.csv poverty.csv [transfers.csv]` from its files alone.

usage: score_four.py --data DIR --run OUT   (DIR as written by shared/bench/linkage/gen.py)

A child is listed as missing when its cluster has a household row that is not 迁出 and no student row, and no row of it waits in a
review pair with a student row; those that wait are counted apart. With transfers.csv among the sources, a child with a row there is schooled
elsewhere, not missing.
"""
import argparse
import csv
import json
import os


def rows(folder, name):
    return csv.DictReader(open(os.path.join(folder, name), encoding="utf-8", newline=""))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", required=True)
    ap.add_argument("--run", required=True)
    ap.add_argument("--transfers", action="store_true", help="transfers.csv was the fifth source")
    a = ap.parse_args()
    person, note, source = {}, {}, {}
    for name in ("household", "student", "births", "poverty", *(["transfers"] if a.transfers else [])):
        for r in rows(a.data, name + ".csv"):
            i = r["rec_id"]
            person[i], note[i], source[i] = r["person_id"], r["note"], name
    at_school = {person[i] for i in person if source[i] == "student"}
    clusters = {}
    for r in rows(a.run, "clusters.csv"):
        clusters.setdefault(r["cluster_id"], []).append(r["record_id"])
    inside = {i for c in clusters.values() for i in c}
    children = list(clusters.values()) + [[i] for i in person if i not in inside]
    waits = set()
    for r in rows(a.run, "review.csv"):
        if "student" in (source[r["left_id"]], source[r["right_id"]]):
            waits |= {r["left_id"], r["right_id"]}
    listed, reviewed, elsewhere = set(), set(), set()
    for c in children:
        home = [i for i in c if source[i] == "household"]
        if any(source[i] == "transfers" for i in c):
            elsewhere.update(home)
            continue
        if not home or any(note[i] == "迁出" for i in home) or any(source[i] == "student" for i in c):
            continue
        (reviewed if any(i in waits for i in c) else listed).update(home)
    moved = {person[i] for i in person if source[i] == "transfers"}
    schooled = at_school | moved
    truly = {i for i in person if source[i] == "household" and note[i] != "迁出" and person[i] not in schooled}
    truly_elsewhere = {i for i in person if source[i] == "household" and person[i] in moved}
    right = listed & truly
    print(json.dumps(dict(
        missing=dict(listed=len(listed), right=len(right), precision=round(len(right) / max(len(listed), 1), 5),
                     recall=round(len(right) / max(len(truly), 1), 5)),
        in_review=dict(rows=len(reviewed), truly_missing=len(reviewed & truly)),
        **(dict(elsewhere=dict(recognised=len(elsewhere), right=len(elsewhere & truly_elsewhere), there=len(truly_elsewhere)))
           if a.transfers else {}),
        on_no_list=len(truly - listed - reviewed),
        review_share=round(len(waits) / max(len(children), 1), 5),
        children=len(children),
        of_several_persons=sum(len({person[i] for i in c}) > 1 for c in clusters.values()),
    ), indent=1))


if __name__ == "__main__":
    main()

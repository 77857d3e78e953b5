#!/usr/bin/env python3
"""Scores a run of `baoxue link household.csv student.csv` from its files alone: no code of ours judges itself.

usage: score.py --data DIR --run OUT   (DIR as written by shared/bench/linkage/gen.py)

pairs       accepted pairs against all true (household, student) pairs, best household entry per student row
missing     rows of unmatched_left.csv not marked 迁出, against household rows not 迁出 whose child is on no student row
"""
import argparse
import csv
import json
import os


def prf(named, right, there):
    p, r = right / max(named, 1), right / max(there, 1)
    return dict(precision=round(p, 5), recall=round(r, 5), f1=round(2 * p * r / max(p + r, 1e-12), 5), named=named, right=right, there=there)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", required=True)
    ap.add_argument("--run", required=True)
    a = ap.parse_args()
    person, out, ident = {}, set(), {}
    household, student = {}, {}
    for name, counts in (("household", household), ("student", student)):
        with open(os.path.join(a.data, name + ".csv"), encoding="utf-8", newline="") as f:
            for row in csv.DictReader(f):
                person[row["rec_id"]] = row["person_id"]
                counts[row["person_id"]] = counts.get(row["person_id"], 0) + 1
                if name == "household":
                    ident[row["rec_id"]] = row["id_no"] or row["rec_id"]
                    if row["note"] == "迁出":
                        out.add(row["rec_id"])
    best, pairs = {}, []
    with open(os.path.join(a.run, "pairs.csv"), encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            l, r, w = row["left_id"], row["right_id"], float(row["weight"])
            pairs.append((l, r))
            if r not in best or (w, l) > best[r]:
                best[r] = (w, l)
    # all rows of the best entry: rows of the household register with one number are one entry
    kept = [(l, r) for l, r in pairs if ident[l] == ident[best[r][1]]]
    right = sum(person[l] == person[r] for l, r in kept)
    there = sum(n * student.get(p, 0) for p, n in household.items())
    with open(os.path.join(a.run, "unmatched_left.csv"), encoding="utf-8", newline="") as f:
        missing = [row["left_id"] for row in csv.DictReader(f) if row["left_id"] not in out]
    here = [i for i in ident if i not in out]
    truly = {i for i in here if person[i] not in student}
    with open(os.path.join(a.run, "review.csv"), encoding="utf-8", newline="") as f:
        review = sum(1 for _ in f) - 1
    print(json.dumps(dict(pairs=prf(len(kept), right, there), missing=prf(len(missing), sum(i in truly for i in missing), len(truly)),
                          review_pairs=review, review_share=round(2 * review / (len(ident) + sum(student.values())), 5)), indent=1))


if __name__ == "__main__":
    main()

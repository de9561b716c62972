#!/bin/sh
# Packs a compiled program as an image and loads it into the cluster's nodes:
#   load.sh <name> <directory> <command that takes an archive>
# Tilt says in EXPECTED_REF what the image is to be called.
set -eu
name=$1 out=$2 load=$3
"$out/packer" build --reload tilt/run.sh --binaries "$out/bin" --out "$out" --cache dist/cache --tag "${EXPECTED_REF##*:}" "$name"
$load "$out/images/$name.tar"

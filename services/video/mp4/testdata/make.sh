#!/bin/sh
# Makes the small videos in this directory, one per kind the prober reads, with ffmpeg 5.1 or newer.
set -eu
cd "$(dirname "$0")"
make() {
	out=$1
	shift
	ffmpeg -nostdin -v error -y -f lavfi -i testsrc=size=32x32:rate=5:duration=0.4 -threads 1 -map_metadata -1 -fflags +bitexact -flags:v +bitexact "$@" "$out"
}
make hevc.mp4 -c:v libx265 -preset ultrafast -x265-params log-level=none:info=0 -tag:v hvc1 -pix_fmt yuv420p
make hlg.mov -c:v libx265 -preset ultrafast -x265-params log-level=none:info=0:colorprim=bt2020:colormatrix=bt2020nc:transfer=arib-std-b67 -tag:v hev1 -pix_fmt yuv420p10le
make av1.mp4 -c:v libaom-av1 -cpu-used 8 -usage realtime -pix_fmt yuv420p
make vp9.mp4 -c:v libvpx-vp9 -pix_fmt yuv420p
make mpeg4.mp4 -c:v mpeg4
make anamorphic.mp4 -vf setsar=4/3 -c:v libx264 -preset ultrafast -x264-params log-level=none -bsf:v filter_units=remove_types=6 -pix_fmt yuv420p
sed 's/hvc1/dvh1/' hevc.mp4 >dolby.mp4

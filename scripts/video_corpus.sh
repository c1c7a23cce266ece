#!/usr/bin/env bash
# Makes small videos of every kind that matters to decoding, in the folder that is named: codecs, containers, groups of pictures,
# pixel formats. An encoder that this ffmpeg lacks is said on standard error, and its videos are left out.
set -euo pipefail
cd "$1"

FRAMES=60

make() { # name, arguments of ffmpeg
    local name=$1
    shift
    local sound=()
    [ "${1:-}" != sound ] || { sound=(-f lavfi -i sine=duration=3 -c:a aac) && shift; }
    ffmpeg -nostdin -hide_banner -loglevel error -y -f lavfi -i testsrc2=size=160x120:rate=25 \
        "${sound[@]}" -frames:v $FRAMES "$@" "$name" || { rm -f "$name"; echo "not made: $name" >&2; }
}

copy() { # name, source, arguments of ffmpeg
    local name=$1 source=$2
    shift 2
    [ -f "$source" ] || return 0
    ffmpeg -nostdin -hide_banner -loglevel error -y -i "$source" -c copy "$@" "$name" ||
        { rm -f "$name"; echo "not made: $name" >&2; }
}

x264() { # name, parameters of x264, arguments of ffmpeg
    local name=$1 parameters=$2
    shift 2
    make "$name" -pix_fmt yuv420p "$@" -c:v libx264 -x264-params "$parameters"
}

x264 h264.mp4 keyint=250
for container in mkv ts flv avi; do copy h264.$container h264.mp4; done
copy h264_fragments.mp4 h264.mp4 -movflags frag_keyframe+empty_moov
x264 h264_gop12.mp4 keyint=12
x264 h264_gop12.ts keyint=12
x264 h264_open_gop.mkv keyint=15:open-gop=1
x264 h264_baseline.mp4 keyint=250 -profile:v baseline
x264 h264_veryfast.mp4 ref=1:bframes=3
x264 h264_pyramid.mp4 b-pyramid=strict:bframes=5:slices=4
x264 h264_refresh.mp4 intra-refresh=1:keyint=20
x264 h264_444.mp4 keyint=12 -pix_fmt yuv444p -vf scale=97:75
x264 h264_10bit.mp4 keyint=20 -pix_fmt yuv420p10le
x264 h264_interlaced.mp4 tff=1:keyint=20
x264 h264_interlaced.ts tff=1:keyint=20
x264 h264_range.mp4 keyint=20 -vf scale=out_range=full:out_color_matrix=bt709 -color_range pc -colorspace bt709
x264 h264_variable.mkv keyint=20 -vf "setpts='N/25/TB+0.013*mod(N\,7)/TB'" -fps_mode vfr
x264 h264_slow.mp4 keyint=20 -vf setpts=15*PTS -fps_mode passthrough
make h264_sound.mp4 sound -c:v libx264 -pix_fmt yuv420p
make h264_late.mp4 sound -c:v libx264 -pix_fmt yuv420p -vf setpts=PTS+0.7/TB
copy h264_cut.mp4 h264_gop12.mp4 -ss 0.7
copy h264_turned.mp4 h264.mp4
# A quarter turn in the matrix of the track's header, 44 bytes after its name; not every version of ffmpeg can write one.
if [ -f h264_turned.mp4 ]; then
    header=$(grep -abo -m 1 tkhd h264_turned.mp4 | head -n 1 | cut -d : -f 1)
    printf '\0\0\0\0\0\1\0\0\0\0\0\0\377\377\0\0\0\0\0\0' |
        dd of=h264_turned.mp4 bs=1 seek=$((header + 44)) conv=notrunc status=none
fi
make hevc.mp4 -c:v libx265 -pix_fmt yuv420p -x265-params log-level=error
make hevc_open_gop.mkv -c:v libx265 -pix_fmt yuv420p -x265-params log-level=error:keyint=15:open-gop=1
make hevc_10bit.ts -c:v libx265 -pix_fmt yuv420p10le -x265-params log-level=error:keyint=20
make hevc_layers.mp4 -c:v libx265 -pix_fmt yuv420p -x265-params log-level=error:temporal-layers=1
make vp8.webm -c:v libvpx -deadline realtime -g 20
make vp9.webm -c:v libvpx-vp9 -deadline realtime -g 20
make vp9_hidden.webm -c:v libvpx-vp9 -deadline good -cpu-used 8 -auto-alt-ref 1 -lag-in-frames 20
SVT_LOG=1 make av1.mp4 -c:v libsvtav1 -preset 12 -g 30 -pix_fmt yuv420p
make av1.mkv -c:v libaom-av1 -cpu-used 8 -g 30 -usage realtime
make mpeg4.mp4 -c:v mpeg4 -q:v 3
make mpeg4_b.mp4 -c:v mpeg4 -q:v 3 -bf 2
make mpeg4_b.mkv -c:v mpeg4 -q:v 3 -bf 2
make mpeg4_b.avi -c:v mpeg4 -q:v 3 -bf 2
make xvid.avi -c:v libxvid -q:v 3
make mpeg2.mkv -c:v mpeg2video -q:v 3 -bf 2
make mpeg2.ts -c:v mpeg2video -q:v 3 -bf 2
make mpeg2.mpg -c:v mpeg2video -q:v 3 -bf 2
make mpeg2_interlaced.ts -c:v mpeg2video -q:v 3 -bf 2 -flags +ildct+ilme
make mpeg1.mpg -c:v mpeg1video -q:v 3 -bf 2
make mjpeg.avi -c:v mjpeg -q:v 3 -pix_fmt yuvj420p
make mjpeg.mov -c:v mjpeg -q:v 3 -pix_fmt yuvj422p
make prores.mov -c:v prores_ks
make animation.gif
make theora.ogv -c:v libtheora -q:v 7
make wmv2.asf -c:v wmv2 -q:v 3
make flv1.flv -c:v flv1 -q:v 3

package media

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/png"
)

// Fake is a file that must be refused: it is called like a video and is none.
type Fake struct {
	// Name continues a test's name.
	Name string
	// Bytes is the file.
	Bytes []byte
}

// Fakes returns files that no player plays. video is a playable one, from
// which the truncated ones are cut.
func Fakes(video []byte) ([]Fake, error) {
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 16, 16))); err != nil {
		return nil, err
	}
	return []Fake{
		{Name: "Empty", Bytes: nil},
		{Name: "Text", Bytes: bytes.Repeat([]byte("not a video at all\n"), 200)},
		{Name: "Picture", Bytes: picture.Bytes()},
		{Name: "Playlist", Bytes: playlist},
		{Name: "TruncatedInTheSamples", Bytes: video[:len(video)*3/4]},
		{Name: "TruncatedInTheIndex", Bytes: video[:len(video)/100]},
		{Name: "OnlyTheFirstBox", Bytes: video[:binary.BigEndian.Uint32(video)]},
		{Name: "ZerosAfterTheFirstBox", Bytes: append(bytes.Clone(video[:32]), make([]byte, 4096)...)},
	}, nil
}

// playlist is what makes a careless demuxer read other files or fetch URLs.
var playlist = []byte("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n" +
	"#EXTINF:1,\nhttp://127.0.0.1:1/internal\n#EXT-X-ENDLIST\n")

// Padded returns video followed by an ignorable box, size bytes in all, and
// still playable. size is at least the video's plus 8.
func Padded(video []byte, size int) []byte {
	const boxHeader = 8
	out := make([]byte, 0, size)
	out = append(out, video...)
	out = binary.BigEndian.AppendUint32(out, uint32(size-len(video)))
	out = append(out, "free"...)
	return append(out, make([]byte, size-len(video)-boxHeader)...)
}

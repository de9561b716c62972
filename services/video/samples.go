package video

import (
	"errors"
	"io"

	"github.com/Eyevinn/mp4ff/mp4"
)

// locateTable walks the sample tables of moov: sizes (stsz), chunks (stsc,
// stco or co64) and durations (stts). A fragmented file has them empty.
func (t *track) locateTable(l layout, moov tree) error {
	stszBox, err := moov.find(t.stbl, "stsz")
	if err != nil {
		return err
	}
	stsz, err := decode[*mp4.StszBox](moov, stszBox)
	if err != nil {
		return err
	}
	count := int(stsz.SampleNumber)
	if count == 0 {
		return nil
	}
	if count > maxSamples {
		return errors.New("too many samples")
	}
	if err := t.addDurations(moov, count); err != nil {
		return err
	}
	sizes := make([]int64, count)
	for i := range sizes {
		if sizes[i] = int64(stsz.SampleUniformSize); sizes[i] == 0 {
			sizes[i] = int64(stsz.SampleSize[i])
		}
	}
	return t.addChunks(l, moov, sizes)
}

// addChunks places the samples in their chunks.
func (t *track) addChunks(l layout, moov tree, sizes []int64) error {
	stscBox, err := moov.find(t.stbl, "stsc")
	if err != nil {
		return err
	}
	stsc, err := decode[*mp4.StscBox](moov, stscBox)
	if err != nil {
		return err
	}
	offsets, err := t.chunkOffsets(moov)
	if err != nil {
		return err
	}
	entry, perChunk := 0, 0
	for i, at := range offsets {
		if len(sizes) == 0 {
			return nil
		}
		for entry < len(stsc.Entries) && int64(stsc.Entries[entry].FirstChunk) <= int64(i)+1 {
			perChunk = int(stsc.Entries[entry].SamplesPerChunk)
			entry++
		}
		n := min(perChunk, len(sizes))
		if n == 0 {
			continue
		}
		if err := t.add(l, at, sizes[:n]); err != nil {
			return err
		}
		sizes = sizes[n:]
	}
	if len(sizes) > 0 {
		return errors.New("samples without a chunk")
	}
	return nil
}

func (t *track) chunkOffsets(moov tree) ([]int64, error) {
	if b, err := moov.find(t.stbl, "co64"); err == nil {
		co64, err := decode[*mp4.Co64Box](moov, b)
		if err != nil {
			return nil, err
		}
		return widen(co64.ChunkOffset), nil
	}
	b, err := moov.find(t.stbl, "stco")
	if err != nil {
		return nil, err
	}
	stco, err := decode[*mp4.StcoBox](moov, b)
	if err != nil {
		return nil, err
	}
	return widen(stco.ChunkOffset), nil
}

// widen turns offsets into int64. One over 2^63 becomes negative, which lies in no file.
func widen[N uint32 | uint64](in []N) []int64 {
	out := make([]int64, len(in))
	for i, n := range in {
		out[i] = int64(n)
	}
	return out
}

func (t *track) addDurations(moov tree, count int) error {
	b, err := moov.find(t.stbl, "stts")
	if err != nil {
		return err
	}
	stts, err := decode[*mp4.SttsBox](moov, b)
	if err != nil {
		return err
	}
	left := int64(count)
	for i, n := range stts.SampleCount {
		n := min(int64(n), left)
		t.ticks += n * int64(stts.SampleTimeDelta[i])
		left -= n
	}
	if left > 0 {
		return errors.New("samples without a duration")
	}
	return nil
}

// locateFragments walks the fragments (moof) of a file that was written while
// it was recorded.
func (t *track) locateFragments(r io.ReaderAt, l layout, moov tree) error {
	defaults, err := t.fragmentDefaults(moov)
	if err != nil {
		return err
	}
	for _, b := range l.moofs {
		moof, err := load(r, b, maxMoof)
		if err != nil {
			return err
		}
		root, err := moof.root()
		if err != nil {
			return err
		}
		trafs, err := moof.children(root, "traf")
		if err != nil {
			return err
		}
		for _, traf := range trafs {
			if err := t.addFragment(l, moof, traf, b.start, defaults); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *track) fragmentDefaults(moov tree) (*mp4.TrexBox, error) {
	root, err := moov.root()
	if err != nil {
		return nil, err
	}
	mvex, err := moov.find(root, "mvex")
	if err != nil {
		return nil, err
	}
	trexs, err := moov.children(mvex, "trex")
	if err != nil {
		return nil, err
	}
	for _, b := range trexs {
		trex, err := decode[*mp4.TrexBox](moov, b)
		if err != nil {
			return nil, err
		}
		if trex.TrackID == t.id {
			return trex, nil
		}
	}
	return nil, errors.New("no trex")
}

// addFragment adds the runs of a fragment of this track.
func (t *track) addFragment(l layout, moof tree, traf box, start int64, trex *mp4.TrexBox) error {
	tfhdBox, err := moof.find(traf, "tfhd")
	if err != nil {
		return err
	}
	tfhd, err := decode[*mp4.TfhdBox](moof, tfhdBox)
	if err != nil || tfhd.TrackID != t.id {
		return err
	}
	base := start
	if tfhd.HasBaseDataOffset() {
		base = int64(tfhd.BaseDataOffset)
	}
	runs, err := moof.children(traf, "trun")
	if err != nil {
		return err
	}
	at := base
	for _, b := range runs {
		run, err := decode[*mp4.TrunBox](moof, b)
		if err != nil {
			return err
		}
		if run.HasDataOffset() {
			at = base + int64(run.DataOffset)
		}
		t.ticks += int64(run.AddSampleDefaultValues(tfhd, trex))
		sizes := make([]int64, len(run.Samples))
		for i, s := range run.Samples {
			sizes[i] = int64(s.Size)
		}
		if err := t.add(l, at, sizes); err != nil {
			return err
		}
		for _, s := range sizes {
			at += s
		}
	}
	return nil
}

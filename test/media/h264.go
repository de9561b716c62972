package media

import (
	"bytes"
	"math/bits"
)

// The drawn pictures are H.264 baseline with uncompressed macroblocks (I_PCM):
// every decoder plays them, and writing them takes no encoder. Numbers in
// comments are clauses of ITU-T H.264.

const (
	nalIDR = 0x65 // nal_ref_idc 3, nal_unit_type 5
	nalSPS = 0x67 // nal_ref_idc 3, nal_unit_type 7
	nalPPS = 0x68 // nal_ref_idc 3, nal_unit_type 8

	macroblock = 16 // samples a side
)

// bitWriter writes most significant bit first.
type bitWriter struct {
	out  []byte
	free int // unused bits of the last byte
}

func (w *bitWriter) bit(b uint) {
	if w.free == 0 {
		w.out, w.free = append(w.out, 0), 8
	}
	w.free--
	w.out[len(w.out)-1] |= byte(b&1) << w.free
}

func (w *bitWriter) bits(v uint, n int) {
	for i := n - 1; i >= 0; i-- {
		w.bit(v >> i)
	}
}

// ue writes an unsigned Exp-Golomb code (9.1).
func (w *bitWriter) ue(v uint) {
	n := bits.Len(v + 1)
	w.bits(0, n-1)
	w.bits(v+1, n)
}

func (w *bitWriter) align() { w.free = 0 }

// trail ends a payload (7.3.2.11): a one, then zeros to the byte.
func (w *bitWriter) trail() {
	w.bit(1)
	w.align()
}

// nal puts the header in front and breaks up what would read as a start code (7.4.1).
func (w *bitWriter) nal(header byte) []byte {
	out := []byte{header}
	zeros := 0
	for _, b := range w.out {
		if zeros == 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		out = append(out, b)
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
	}
	return out
}

// sps describes a picture of so many macroblocks (7.3.2.1.1), level 1.0.
func sps(columns, rows int) []byte {
	w := &bitWriter{}
	w.bits(66, 8)           // profile_idc: baseline
	w.bits(0xc0, 8)         // constraint_set0 and 1
	w.bits(10, 8)           // level_idc
	w.ue(0)                 // seq_parameter_set_id
	w.ue(0)                 // log2_max_frame_num_minus4
	w.ue(2)                 // pic_order_cnt_type: output order is decoding order
	w.ue(0)                 // max_num_ref_frames
	w.bit(0)                // gaps_in_frame_num_value_allowed_flag
	w.ue(uint(columns - 1)) // pic_width_in_mbs_minus1
	w.ue(uint(rows - 1))    // pic_height_in_map_units_minus1
	w.bit(1)                // frame_mbs_only_flag
	w.bit(0)                // direct_8x8_inference_flag
	w.bit(0)                // frame_cropping_flag
	w.bit(0)                // vui_parameters_present_flag
	w.trail()
	return w.nal(nalSPS)
}

// pps is the plainest there is (7.3.2.2).
func pps() []byte {
	w := &bitWriter{}
	w.ue(0)      // pic_parameter_set_id
	w.ue(0)      // seq_parameter_set_id
	w.bit(0)     // entropy_coding_mode_flag: CAVLC
	w.bit(0)     // bottom_field_pic_order_in_frame_present_flag
	w.ue(0)      // num_slice_groups_minus1
	w.ue(0)      // num_ref_idx_l0_default_active_minus1
	w.ue(0)      // num_ref_idx_l1_default_active_minus1
	w.bit(0)     // weighted_pred_flag
	w.bits(0, 2) // weighted_bipred_idc
	w.ue(0)      // pic_init_qp_minus26
	w.ue(0)      // pic_init_qs_minus26
	w.ue(0)      // chroma_qp_index_offset
	w.bit(1)     // deblocking_filter_control_present_flag
	w.bit(0)     // constrained_intra_pred_flag
	w.bit(0)     // redundant_pic_cnt_present_flag
	w.trail()
	return w.nal(nalPPS)
}

// picture is an IDR slice (7.3.3) in which each macroblock has one shade.
func picture(index, count int, shade func(i int) byte) []byte {
	w := &bitWriter{}
	w.ue(0)               // first_mb_in_slice
	w.ue(7)               // slice_type: I, all of them
	w.ue(0)               // pic_parameter_set_id
	w.bits(0, 4)          // frame_num
	w.ue(uint(index % 2)) // idr_pic_id: neighbours differ
	w.bit(0)              // no_output_of_prior_pics_flag
	w.bit(0)              // long_term_reference_flag
	w.ue(0)               // slice_qp_delta
	w.ue(1)               // disable_deblocking_filter_idc
	luma := macroblock * macroblock
	for i := range count {
		w.ue(25) // mb_type: I_PCM
		w.align()
		w.out = append(w.out, bytes.Repeat([]byte{shade(i)}, luma)...)
		w.out = append(w.out, bytes.Repeat([]byte{128}, luma/2)...)
	}
	w.trail()
	return w.nal(nalIDR)
}

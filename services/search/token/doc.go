// Package token turns texts into what Postgres indexes and searches, without its
// dictionaries, which know no Chinese.
//
// A text is folded (NFKC, case, traditional Chinese to simplified) and cut into words.
// Letters and digits of spaced scripts are a word together. In a run of Han, Kana or
// Hangul, which are written without spaces, every character and every two neighbours
// are a word, at the position of the first: so a part of the run is a phrase of its
// pairs, wherever it begins.
package token

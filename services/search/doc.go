// Package search is the search service: it finds videos, users and tags by text.
//
// It owns an index in Postgres, which holds nothing that could not be made again from
// the owners: for each video and user a document with its words (package token) and its
// version, and for each tag the videos that carry it (package hashtag). It asks the
// video and the user service what a document says, and the counter service how often
// something was liked, viewed or followed.
//
// # The index agrees with its owners
//
// An event says that something changed, and never how: the handler asks the owner, past
// its caches, and writes what the owner answers with the owner's version. A document is
// locked while it is compared and written, and only a newer version replaces it. So
// events may come twice, late and in any order. What is deleted has the greatest
// version there is, for a deletion is final. Videos that not everybody may see are in
// no index, result, count or suggestion; who asks shows each result to the owner's
// check once more.
//
// The index is made again, slice by slice, when its schema is new or the command rebuild
// asks for it: all ids that the owners have, and all that it has itself, are looked up and
// written unless a newer version is there. Searches and events go on meanwhile: there is
// no moment without an index, and what is written meanwhile stays (rebuild_test.go).
//
// # Order, and pages
//
// Results are ordered by how the text matches, then by weight, then by id, which rises
// with time. Weight is the logarithm of likes and views, in steps; it is taken from the
// counters some seconds after an event, and never falls. So within one search nothing is
// shown twice: what is behind a page's last result was not before it earlier.
package search

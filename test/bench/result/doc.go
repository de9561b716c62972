// Package result holds what a benchmark found: as JSON, as a table, compared
// with another run, and as a page of the documentation.
package result

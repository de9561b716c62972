// Package chart draws what a benchmark found as SVG: bars beside their
// targets, lines over growing sizes, and flame graphs.
package chart

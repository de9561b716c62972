// Package imports holds the code to the import rules of CONTRIBUTING.md.
package imports

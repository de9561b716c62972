// Package browser runs the web client's end-to-end tests (web/e2e) in a real
// browser, against a platform of their own. It needs Node, and Chromium as
// /usr/bin/chromium or where CHROMIUM says.
package browser

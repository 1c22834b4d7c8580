// Package browsertest opens the page of package monitor in a real browser, headless
// Chromium. It is a module of its own, so that what drives the browser is no
// dependency of the library. It has tests only, and two commands that are tests, too:
//
//	go test -run TestLoad -v .
//	go test -run TestPicture -picture ../../docs/monitor.png .
//
// The first prints how fast the page answers and what it costs with 10,000
// destinations; the second makes the picture in the README.
package browsertest

package main

import (
	"strings"
	"testing"
)

// A file of another kind is named, whatever it is taken for.
func TestKindsOfFiles(t *testing.T) {
	for content, want := range map[string]string{
		"PK\x03\x04\x14\x00\x06\x00[Content_Types].xml":       "the file is an archive or an Office file",
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00":            "the file is of Outlook or of an old Office",
		"\x1f\x8b\x08\x00":                                    "the file is compressed",
		"%PDF-1.7\n":                                          "the file is a PDF",
		"{\\rtf1\\ansi\n":                                     "the file is RTF",
		"BEGIN:VCARD\r\nVERSION:3.0\r\nEMAIL:a@x.example\r\n": "the file is address cards",
		"\xef\xbb\xbf\n<!DOCTYPE HTML>\n<p>Hi</p>":            "the file is HTML",
		"<html><body>Hi {{.name}}</body></html>":              "the file is HTML",
		"<?xml version=\"1.0\"?>":                             "the file is XML",
	} {
		if l, err := openList(writeFile(t, "list", content), listOptions{}); err == nil || !strings.Contains(err.Error(), want+" ") && !strings.Contains(err.Error(), want+":") {
			if err == nil {
				l.close()
			}
			t.Errorf("list %q: %v, want %q", content, err, want)
		}
		if _, err := parseTemplate("m.eml", []byte(content), crowdTerms); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("message %q: %v, want %q", content, err, want)
		}
	}
	for _, content := range []string{"", "a@x.example\n", "From: n@sender.example\nSubject: x\n\n<html>", "PK@x.example\n", "xml@x.example\n"} {
		if kind := kindOf([]byte(content)); kind != "" {
			t.Errorf("%q is %s", content, kind)
		}
	}
}

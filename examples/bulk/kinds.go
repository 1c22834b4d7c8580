package main

import (
	"bytes"
	"strings"
)

// kinds are the beginnings of files that people take for a list or a message, each with
// the name of its kind.
var kinds = []struct{ beginning, name string }{
	{"PK\x03\x04", "an archive or an Office file (.zip, .xlsx, .ods, .docx)"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "of Outlook or of an old Office (.msg, .xls, .doc)"},
	{"\x1f\x8b", "compressed (.gz)"},
	{"%PDF-", "a PDF"},
	{`{\rtf`, "RTF"},
	{"begin:vcard", "address cards (.vcf)"},
	{"<?xml", "XML"}, {"<!doctype html", "HTML"}, {"<html", "HTML"},
	{"!BDN", "an archive of Outlook (.pst)"},
}

// kindOf names the kind of a file that is neither a list nor a message; "" is an unknown
// kind.
func kindOf(beginning []byte) string {
	text := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(beginning, []byte(marks[0].mark)), " \t\r\n")))
	for _, kind := range kinds {
		if strings.HasPrefix(text, strings.ToLower(kind.beginning)) {
			return kind.name
		}
	}
	return ""
}

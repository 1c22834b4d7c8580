package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
)

// encodings are the charsets beside UTF-8, by their names in the IANA registry.
var encodings = map[string]encoding.Encoding{
	"utf-32be": utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM), "utf-32le": utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM),
	"utf-16be": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), "utf-16le": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	"utf-16": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), // RFC 2781 4.3 has big-endian without a mark; what Windows writes is not

	"windows-1250": charmap.Windows1250, "windows-1251": charmap.Windows1251, "windows-1252": charmap.Windows1252,
	"windows-1253": charmap.Windows1253, "windows-1254": charmap.Windows1254, "windows-1255": charmap.Windows1255,
	"windows-1256": charmap.Windows1256, "windows-1257": charmap.Windows1257, "windows-1258": charmap.Windows1258,
	"windows-874": charmap.Windows874,
	"iso-8859-1":  charmap.ISO8859_1, "iso-8859-2": charmap.ISO8859_2, "iso-8859-5": charmap.ISO8859_5, "iso-8859-7": charmap.ISO8859_7,
	"iso-8859-9": charmap.ISO8859_9, "iso-8859-13": charmap.ISO8859_13, "iso-8859-15": charmap.ISO8859_15,
	"koi8-r": charmap.KOI8R, "koi8-u": charmap.KOI8U, "macintosh": charmap.Macintosh,

	"shift_jis": japanese.ShiftJIS, "euc-jp": japanese.EUCJP, "iso-2022-jp": japanese.ISO2022JP,
	"gb18030": simplifiedchinese.GB18030, "big5": traditionalchinese.Big5, "euc-kr": korean.EUCKR,
}

// severalOctets are the charsets with characters of several octets, beside those of
// Unicode.
var severalOctets = []string{"shift_jis", "euc-jp", "iso-2022-jp", "gb18030", "big5", "euc-kr"}

// charsetAliases are other names of charsets, in lower case. A charset that is part of
// another one is read as the larger.
var charsetAliases = map[string]string{
	"": "utf-8", "us-ascii": "utf-8", "ascii": "utf-8", "utf8": "utf-8", "utf-8-sig": "utf-8",
	"latin1": "iso-8859-1", "latin-1": "iso-8859-1", "latin2": "iso-8859-2", "latin9": "iso-8859-15",
	"ansi": "windows-1252", "cp1250": "windows-1250", "cp1251": "windows-1251", "cp1252": "windows-1252",
	"cp1253": "windows-1253", "cp1254": "windows-1254", "cp1257": "windows-1257",
	"win1252": "windows-1252", "mac": "macintosh", "macroman": "macintosh",
	"utf16": "utf-16", "utf16le": "utf-16le", "utf16be": "utf-16be", "unicode": "utf-16",
	"shift-jis": "shift_jis", "sjis": "shift_jis", "x-sjis": "shift_jis", "ms_kanji": "shift_jis", "cp932": "shift_jis", "windows-31j": "shift_jis",
	"eucjp": "euc-jp", "x-euc-jp": "euc-jp", "iso2022jp": "iso-2022-jp", "jis": "iso-2022-jp",
	"gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "cp936": "gb18030", "big5-hkscs": "big5", "cp950": "big5",
	"euckr": "euc-kr", "ks_c_5601-1987": "euc-kr", "ksc5601": "euc-kr", "uhc": "euc-kr", "cp949": "euc-kr", "windows-949": "euc-kr",
}

// charsetName returns the name by which a charset is known here; ok is false for
// one that is not.
func charsetName(s string) (name string, ok bool) {
	name = strings.ToLower(strings.TrimSpace(s))
	if alias, found := charsetAliases[name]; found {
		name = alias
	}
	return name, name == "utf-8" || encodings[name] != nil
}

// charsets returns the names of the charsets that can be read.
func charsets() []string {
	return append([]string{"utf-8"}, slices.Sorted(maps.Keys(encodings))...)
}

// toUTF8 decodes text.
func toUTF8(charset string, text []byte) (string, error) {
	name, ok := charsetName(charset)
	if !ok {
		return "", fmt.Errorf("the charset %q is not known: save the message as UTF-8", charset)
	}
	if name == "utf-8" {
		if !utf8.Valid(text) {
			return "", errors.New("text that is not UTF-8; its charset must be given")
		}
		return string(text), nil
	}
	if name == "utf-16" && markedCharset(text) == "utf-16be" { // without a mark it would be read as little-endian
		name, text = "utf-16be", bytes.TrimPrefix(text, []byte("\xfe\xff"))
	}
	var out bytes.Buffer
	_, err := io.Copy(&out, newCharsetReader(name, bytes.NewReader(text)))
	return out.String(), err
}

// newCharsetReader returns a reader that gives text of a known charset in UTF-8.
// Octets that mean nothing in it become U+FFFD.
func newCharsetReader(name string, r io.Reader) io.Reader {
	if name == "utf-8" {
		return r
	}
	return transform.NewReader(r, transform.Chain(encodings[name].NewDecoder(), runes.Map(withoutC1)))
}

// withoutC1 gives U+FFFD for the control characters that stand for octets without a
// meaning.
func withoutC1(r rune) rune {
	if r >= 0x80 && r < 0xa0 {
		return utf8.RuneError
	}
	return r
}

// charsetReader decodes encoded words of the charsets that mime does not know.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	decoded, err := toUTF8(charset, text)
	return strings.NewReader(decoded), err
}

// marks are the byte order marks, each with its charset.
var marks = []struct{ mark, charset string }{
	{"\xef\xbb\xbf", "utf-8"}, {"\xff\xfe\x00\x00", "utf-32le"}, {"\x00\x00\xfe\xff", "utf-32be"},
	{"\xff\xfe", "utf-16le"}, {"\xfe\xff", "utf-16be"},
}

// markedCharset returns the charset of a text by its beginning: by a mark, or by the zero
// octets of ASCII letters in UTF-16; "" when it tells none.
func markedCharset(beginning []byte) string {
	for _, m := range marks {
		if bytes.HasPrefix(beginning, []byte(m.mark)) {
			return m.charset
		}
	}
	var zeros [2]int
	for i, c := range beginning {
		if c == 0 {
			zeros[i%2]++
		}
	}
	switch some := len(beginning) / 32; { // text beyond Latin has few, its line ends and separators
	case zeros[1] > some && zeros[0] < zeros[1]/8:
		return "utf-16le"
	case zeros[0] > some && zeros[1] < zeros[0]/8:
		return "utf-16be"
	}
	return ""
}

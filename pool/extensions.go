package pool

import (
	"slices"
	"strconv"
	"strings"
)

// features are the extensions of a server that a transaction can use.
type features struct {
	pipelining   bool  // RFC 2920
	eightBitMIME bool  // RFC 6152
	smtpUTF8     bool  // RFC 6531
	dsn          bool  // RFC 3461
	size         bool  // RFC 1870
	maxSize      int64 // the size in bytes of the largest message; 0 for no stated limit
}

// newFeatures picks the features out of all extensions of a server.
func newFeatures(extensions map[string]string) features {
	offers := func(keyword string) bool {
		_, ok := extensions[keyword]
		return ok
	}
	f := features{
		pipelining:   offers("PIPELINING"),
		eightBitMIME: offers("8BITMIME"),
		smtpUTF8:     offers("SMTPUTF8"),
		dsn:          offers("DSN"),
		size:         offers("SIZE"),
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(extensions["SIZE"]), 10, 64)
	if err == nil && limit > 0 {
		f.maxSize = limit
	}
	return f
}

// keywords are the extensions that are of use; no other is kept.
var keywords = []string{"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "LIMITS", "STARTTLS", "AUTH"}

// omittable are the keywords that Endpoint.Omit may name.
var omittable = keywords[:6]

// parseExtensions reads the reply to EHLO (RFC 5321 4.1.1.1) and returns the
// parameters of each of the keywords behind the first line. It puts keywords into
// upper case.
func parseExtensions(text string) map[string]string {
	extensions := make(map[string]string)
	lines := strings.Split(text, "\n")
	for _, line := range lines[1:] {
		keyword, params, _ := strings.Cut(strings.TrimSpace(line), " ")
		keyword = strings.ToUpper(keyword)
		if name, first, old := strings.Cut(keyword, "="); old && name == "AUTH" {
			keyword, params = name, first+" "+params // as before RFC 2554
		}
		if keyword == "AUTH" && extensions[keyword] != "" {
			params = extensions[keyword] + " " + params
		}
		if slices.Contains(keywords, keyword) {
			extensions[keyword] = params
		}
	}
	return extensions
}

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
	f.maxSize = largest(extensions["SIZE"])
	return f
}

// largest returns the limit that SIZE states, 0 for none. Of several it is the largest: a
// message that is too large after all is refused by the server.
func largest(params string) (limit int64) {
	for _, param := range fields(params) {
		switch n, err := strconv.ParseInt(param, 10, 64); {
		case err == nil && n == 0:
			return 0
		case err == nil:
			limit = max(limit, n)
		}
	}
	return limit
}

// keywords are the extensions that are of use; no other is kept.
var keywords = []string{"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "LIMITS", "STARTTLS", "AUTH"}

// omittable are the keywords that Endpoint.Omit may name.
var omittable = keywords[:6]

// parseExtensions reads the reply to EHLO (RFC 5321 4.1.1.1) and returns the
// parameters of each of the keywords behind the first line. It puts keywords into
// upper case. Parameters of a keyword that comes again are added. Behind the keyword an
// equals sign may stand, as in AUTH= before RFC 2554, or a tab.
func parseExtensions(text string) map[string]string {
	extensions := make(map[string]string)
	lines := strings.Split(text, "\n")
	for _, line := range lines[1:] {
		keyword, params := strings.TrimSpace(line), ""
		if end := strings.IndexAny(keyword, " \t="); end >= 0 {
			keyword, params = keyword[:end], keyword[end+1:]
		}
		keyword = strings.ToUpper(keyword)
		if !slices.Contains(keywords, keyword) {
			continue
		}
		if before := extensions[keyword]; before != "" {
			params = before + " " + params
		}
		extensions[keyword] = params
	}
	return extensions
}

// fields returns the parameters of an extension. Blanks separate them, and for some
// servers commas.
func fields(params string) []string {
	return strings.FieldsFunc(params, func(c rune) bool { return c == ' ' || c == '\t' || c == ',' })
}

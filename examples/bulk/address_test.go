package main

import (
	"strings"
	"testing"
)

func TestCheckAddress(t *testing.T) {
	for name, c := range map[string]struct{ address, want string }{
		"plain":                  {"ann@example.com", ""},
		"subaddress":             {"ann+news@example.com", ""},
		"quoted":                 {`"ann smith"@example.com`, ""},
		"quoted at":              {`"a@b"@example.com`, ""},
		"quoted pair":            {`"a\"b"@example.com`, ""},
		"international":          {"jörg@bücher.example", ""},
		"underscore":             {"ann@a_b.example.com", ""},
		"literal":                {"ann@[192.0.2.1]", ""},
		"literal of IPv6":        {"ann@[IPv6:2001:db8::1]", ""},
		"final dot":              {"ann@example.com.", ""},
		"one label":              {"ann@localhost", ""},
		"empty":                  {"", "no address"},
		"no at":                  {"ann.example.com", "no @"},
		"nothing before":         {"@example.com", "nothing before"},
		"nothing after":          {"ann@", "after the @"},
		"two dots":               {"a..b@example.com", ""},
		"dots at the ends":       {".a.@example.com", ""},
		"two dots in the domain": {"a@b..example.com", "after the @"},
		"space":                  {"ann smith@example.com", `' ' without quotes`},
		"display name":           {"Ann <ann@example.com>", "without quotes"},
		"two addresses":          {"ann@example.com,bob@example.com", "more than one address"},
		"two with a semicolon":   {"ann@example.com; bob@example.com", "more than one address"},
		"two at":                 {"ann@bob@example.com", "'@' without quotes"},
		"line feed":              {"ann\n@example.com", "line break"},
		"NUL":                    {"ann\x00@example.com", "control character"},
		"C1 control":             {"ann\u0085@example.com", "control character"},
		"line separator":         {"ann\u2028@example.com", "without quotes"},
		"Latin-1":                {"j\xf6rg@example.com", "not UTF-8"},
		"hyphen":                 {"ann@-a.example.com", "hyphen"},
		"slash":                  {"ann@a/b.example.com", `'/'`},
		"open quote":             {`"ann@example.com`, "unfinished"},
		"quote in quotes":        {`"a"b"@example.com`, "quote inside"},
		"escaped closing quote":  {`"a\"@example.com`, "unfinished"},
		"not a literal":          {"ann@[localhost]", "literal"},
		"longest":                {strings.Repeat("a", 486) + "@example.com", ""},
		"longest but one":        {strings.Repeat("a", 487) + "@example.com", "longer than 498 octets"},
		"long label":             {"a@" + strings.Repeat("a", 64) + ".com", "overlong"},
		"long domain":            {"a@" + strings.Repeat("abc.", 63) + "de", "domain of more than 253 octets"},
		"longest domain":         {"a@" + strings.Repeat("abc.", 63) + "d", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkAddress(c.address)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("checkAddress(%q) = %v, want %q", c.address, err, c.want)
			}
		})
	}
}

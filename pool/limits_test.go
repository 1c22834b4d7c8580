package pool

import (
	"maps"
	"strings"
	"testing"
)

// FuzzExtensions reads any list of extensions: keywords are single words of the
// lines behind the first, the same in whatever case, and the limits are sane.
func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{
		"mx", "mx\nPIPELINING\nSIZE 1000\n8bitmime", "mx\nAUTH=LOGIN\nAUTH PLAIN LOGIN", "mx\n\n \nAUTH=",
		"mx\nLIMITS MAILMAX=20 RCPTMAX=100 RCPTDOMAINMAX=1", "mx\nlimits mailmax=9999999 mailmax=3 rcptmax=+1 rcptdomainmax=0x1",
		"PIPELINING", "mx\nLIMITS\tMAILMAX=1", "mx\nLIMITS MAILMAX=1\nLIMITS MAILMAX=2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := parseExtensions(text)
		_, rest, _ := strings.Cut(text, "\n")
		if len(got) > strings.Count(rest, "\n")+1 {
			t.Errorf("%d keywords in %q", len(got), rest)
		}
		for keyword, params := range got {
			if keyword != strings.ToUpper(keyword) || strings.ContainsAny(keyword, " \n") || strings.Contains(params, "\n") {
				t.Errorf("%q: keyword %q with %q", text, keyword, params)
			}
			if !strings.Contains(strings.ToUpper(rest), keyword) {
				t.Errorf("%q has no keyword %q", text, keyword)
			}
		}
		if first, _, _ := strings.Cut(text, "\n"); !maps.Equal(got, parseExtensions("x"+first+"x\n"+rest)) {
			t.Errorf("%q: the first line counts", text)
		}
		for name, n := range map[string]int{"MAILMAX": parseLimits(text).Messages, "RCPTMAX": parseLimits(text).Recipients, "RCPTDOMAINMAX": parseLimits(text).Domains} {
			if n < 0 || n > 999999 || n > 0 && !strings.Contains(strings.ToUpper(text), name+"=") {
				t.Errorf("%q: %s is %d", text, name, n)
			}
		}
	})
}

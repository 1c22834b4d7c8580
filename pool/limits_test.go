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

// TestOffersInOddForms reads what servers offer twice, in any case, and with other
// separators.
func TestOffersInOddForms(t *testing.T) {
	all := features{pipelining: true, eightBitMIME: true, smtpUTF8: true, dsn: true, size: true, maxSize: 1000}
	for text, want := range map[string]features{
		"PIPELINING\n8BITMIME\nSMTPUTF8\nDSN\nSIZE 1000":        all,
		"pipelining\n8bitmime\nSmtpUtf8\ndsn\nsize 1000":        all,
		" PIPELINING \n\t8BITMIME\nSMTPUTF8\t\nDSN\nSIZE\t1000": all,
		"PIPELINING=\n8BITMIME=yes\nSMTPUTF8\nDSN\nSIZE=1000":   all,
		"SIZE 1000\nSIZE 1000":                                  {size: true, maxSize: 1000},
		"SIZE 1000\nSIZE 2000":                                  {size: true, maxSize: 2000},
		"SIZE 2000\nSIZE 1000":                                  {size: true, maxSize: 2000},
		"SIZE 1000\nSIZE":                                       {size: true, maxSize: 1000},
		"SIZE\nSIZE 1000":                                       {size: true, maxSize: 1000},
		"SIZE 1000\nSIZE 0":                                     {size: true},
		"SIZE  1000":                                            {size: true, maxSize: 1000},
		"SIZE -1":                                               {size: true},
		"SIZE many":                                             {size: true},
		"XPIPELINING\nPIPELINING-X\nX-SIZE 3\nDSN2":             {},
	} {
		if got := newFeatures(parseExtensions("mx\n" + text)); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
	for text, want := range map[string]bool{
		"AUTH PLAIN": true, "auth plain": true, "AUTH=PLAIN": true, "AUTH= PLAIN": true, "AUTH = PLAIN": true, "AUTH\tPLAIN": true,
		"AUTH=LOGIN PLAIN": true, "AUTH LOGIN\nAUTH PLAIN": true, "AUTH PLAIN\nAUTH": true, "AUTH LOGIN,PLAIN": true, "AUTH LOGIN, PLAIN": true,
		"AUTH PLAIN LOGIN\nAUTH=PLAIN LOGIN": true, "AUTH XPLAIN": false, "AUTH PLAIN-X": false, "AUTH": false, "XAUTH PLAIN": false,
	} {
		if got := offersMechanism(parseExtensions("mx\n" + text)["AUTH"], "PLAIN"); got != want {
			t.Errorf("%q offers PLAIN: %v", text, got)
		}
	}
	for text, want := range map[string]Limits{
		"LIMITS RCPTMAX=5 MAILMAX=7": {Messages: 7, Recipients: 5}, "LIMITS RCPTMAX=5\nLIMITS MAILMAX=7": {Messages: 7, Recipients: 5},
		"LIMITS\trcptmax=5,mailmax=7": {Messages: 7, Recipients: 5}, "LIMITS=RCPTMAX=5": {Recipients: 5}, "LIMITS": {}, "LIMITS RCPTMAX= 5": {},
	} {
		if got := parseLimits(parseExtensions("mx\n" + text)["LIMITS"]); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

package smtptest

import (
	"slices"
	"strings"
	"testing"
)

func TestParsePath(t *testing.T) {
	tests := []struct {
		name, arg, keyword string
		addr               string
		params             []string
		bad                bool
	}{
		{"plain", "FROM:<a@b.c>", "FROM:", "a@b.c", nil, false},
		{"lower case and a space", "from: <a@b.c>", "FROM:", "a@b.c", nil, false},
		{"parameters", "FROM:<a@b.c> SIZE=1  BODY=7BIT", "FROM:", "a@b.c", []string{"SIZE=1", "BODY=7BIT"}, false},
		{"null sender", "FROM:<>", "FROM:", "", nil, false},
		{"null recipient", "TO:<>", "TO:", "", nil, true},
		{"postmaster", "TO:<postmaster>", "TO:", "postmaster", nil, false},
		{"postmaster as sender", "FROM:<postmaster>", "FROM:", "", nil, true},
		{"source route", "TO:<@x.y,@z.w:a@b.c>", "TO:", "a@b.c", nil, false},
		{"source route without end", "TO:<@x.y>", "TO:", "", nil, true},
		{"quoted", `TO:<"a> b\"@"@b.c>`, "TO:", `"a> b\"@"@b.c`, nil, false},
		{"quoted with spaces", `TO:<"a b"@b.c> X`, "TO:", `"a b"@b.c`, []string{"X"}, false},
		{"quote without end", `TO:<"a@b.c>`, "TO:", "", nil, true},
		{"UTF-8", "TO:<ü@ü.example>", "TO:", "ü@ü.example", nil, false},
		{"no brackets", "TO:a@b.c", "TO:", "", nil, true},
		{"bracket without end", "TO:<a@b.c", "TO:", "", nil, true},
		{"text behind the bracket", "TO:<a@b.c>x", "TO:", "", nil, true},
		{"no domain", "TO:<a>", "TO:", "", nil, true},
		{"empty domain", "TO:<a@>", "TO:", "", nil, true},
		{"empty local part", "TO:<@b.c:@b.c>", "TO:", "", nil, true},
		{"space", "TO:<a b@c.d>", "TO:", "", nil, true},
		{"control", "TO:<a\x00@c.d>", "TO:", "", nil, true},
		{"other keyword", "TO:<a@b.c>", "FROM:", "", nil, true},
		{"nothing", "", "FROM:", "", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			addr, params, err := parsePath(tt.arg, tt.keyword)
			if (err != nil) != tt.bad {
				t.Fatalf("got %q, %v", addr, err)
			}
			if !tt.bad && (addr != tt.addr || !slices.Equal(params, tt.params)) {
				t.Errorf("got %q, %q; want %q, %q", addr, params, tt.addr, tt.params)
			}
		})
	}
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{"FROM:<a@b.c> SIZE=1", "FROM:<>", `FROM:<"a b\""@b.c>`, "FROM:<@x:a@b>", "FROM:<ü@ü>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		addr, params, err := parsePath(arg, "FROM:")
		if err != nil {
			if addr != "" || params != nil {
				t.Errorf("got %q, %q with an error", addr, params)
			}
			return
		}
		if strings.ContainsAny(addr, "\r\n\x00") {
			t.Errorf("accepted %q", addr)
		}
		again, _, err := parsePath("FROM:<"+addr+">", "FROM:")
		if err != nil || again != addr {
			t.Errorf("%q was read from %q, but not again: %q, %v", addr, arg, again, err)
		}
	})
}

package smtpace

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows names every package of the module and what it may import of ours: "*"
// is anything. The root is "".
var arrows = map[string][]string{
	"":                            {"classify", "internal/culprit", "internal/finite", "internal/printable", "internal/redact", "internal/share", "pool", "profile", "retry", "throttle"},
	"classify":                    {"internal/finite"},
	"internal/finite":             {},
	"internal/chance":             {},
	"internal/culprit":            {"classify"},
	"internal/printable":          {},
	"internal/redact":             {},
	"internal/series":             {"", "classify", "internal/printable", "throttle"},
	"internal/share":              {},
	"internal/simulate":           {"classify", "internal/chance", "internal/words", "retry", "throttle"},
	"internal/words":              {},
	"internal/mtatest":            {},
	"internal/golden":             {"internal/race"},
	"internal/race":               {},
	"monitor":                     {"", "throttle"},
	"pool":                        {"classify", "internal/finite", "internal/printable", "internal/redact"},
	"preflight":                   {"", "classify", "internal/printable", "pool", "profile", "throttle"},
	"profile":                     {"classify", "throttle"},
	"retry":                       {"classify"},
	"smtptest":                    {},
	"throttle":                    {"classify", "internal/chance", "internal/culprit", "internal/share", "internal/words"},
	"docs/replies":                {"classify", "internal/culprit", "profile", "retry", "throttle"},
	"httppace":                    {},
	"examples/bulk":               {"*"},
	"examples/bulk/internal/dkim": {},
	"examples/classify":           {"*"},
	"examples/pace":               {"*"},
	"examples/preflight":          {"*"},
	"examples/quickstart":         {"*"},
	"examples/wrap":               {"*"},
}

// TestArrows holds the arrows of ARCHITECTURE.md: it fails for a package that
// arrows does not name, for an import that it does not allow, and for a
// dependency of the root, or of what is below it, on net/http or on a module that
// rootModules does not name.
func TestArrows(t *testing.T) {
	const module = "github.com/smtpace/smtpace"
	for _, line := range golist(t, `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		path, imports, _ := strings.Cut(line, " ")
		name := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		allowed, known := arrows[name]
		if !known {
			t.Errorf("package %q is not named: add it to arrows and to ARCHITECTURE.md", name)
			continue
		}
		for _, imported := range strings.Fields(imports) {
			ours, is := strings.CutPrefix(imported, module)
			if is && allowed != nil && !slices.Contains(allowed, "*") && !slices.Contains(allowed, strings.TrimPrefix(ours, "/")) {
				t.Errorf("package %q must not import %s", name, imported)
			}
		}
	}
	if deps := golist(t, `{{.ImportPath}}`, "-deps", "."); slices.Contains(deps, "net/http") {
		t.Error("the root, or what is below it, depends on net/http")
	}
	for _, path := range golist(t, `{{with .Module}}{{.Path}}{{end}}`, "-deps", ".") {
		if path != "" && path != module && !slices.Contains(rootModules, path) {
			t.Errorf("the root, or what is below it, depends on %s: name the reason in ARCHITECTURE.md", path)
		}
	}
}

// rootModules are the modules of others that whoever imports the root builds.
var rootModules = []string{
	"github.com/BurntSushi/toml", "github.com/cenkalti/backoff/v4", "github.com/wneessen/go-mail",
	"golang.org/x/crypto", "golang.org/x/net", "golang.org/x/text", "golang.org/x/time",
}

func golist(t *testing.T, format string, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-f", format}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

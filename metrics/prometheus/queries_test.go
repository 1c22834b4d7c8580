package promsmtpace_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	promsmtpace "github.com/smtpace/smtpace/metrics/prometheus"
)

// installed returns the path of a program of Debian's package prometheus. It skips the test
// under -short, and where the program is missing, unless the environment variable CI is
// "true".
func installed(t *testing.T, program string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short runs no Prometheus")
	}
	path, err := exec.LookPath(program)
	switch {
	case err == nil:
		return path
	case os.Getenv("CI") == "true":
		t.Fatalf("%v; .ci/servers installs it", err)
	}
	t.Skipf("%v; .ci/servers installs it", err)
	return ""
}

// server is a running Prometheus.
type server struct{ url string }

// startPrometheus runs a Prometheus with the alert rules, which scrapes an address.
func startPrometheus(t *testing.T, target string) server {
	t.Helper()
	program, dir := installed(t, "prometheus"), t.TempDir()
	rules, err := filepath.Abs("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
global: {scrape_interval: 250ms, evaluation_interval: 250ms}
rule_files: [%q]
scrape_configs: [{job_name: mail, static_configs: [{targets: [%q]}]}]
`, rules, strings.TrimPrefix(target, "http://"))
	if err := os.WriteFile(dir+"/prometheus.yml", []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	output, err := os.Create(dir + "/output")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		output.Close()
		if text, _ := os.ReadFile(dir + "/output"); t.Failed() {
			t.Logf("%s", text)
		}
	})
	return server{"http://" + addr}
}

// get calls the API and decodes the data of its answer.
func (s server) get(path string, data any) error {
	resp, err := http.Get(s.url + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("%s: %s", answer.Status, answer.Error)
	}
	return nil
}

// results returns the number of series that a query gives at present.
func (s server) results(query string) (int, error) {
	var data struct{ Result []json.RawMessage }
	err := s.get("/api/v1/query?query="+url.QueryEscape(query), &data)
	return len(data.Result), err
}

// eventually calls check until it returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Error(err)
}

// dashboardQueries returns the queries of the dashboard by panel, with values for its
// variables.
func dashboardQueries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ RefID, Expr string }
		}
		Templating struct {
			List []struct{ Name, Definition string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	values := strings.NewReplacer("$__rate_interval", "5s", "$job", ".*", "$instance", ".*")
	queries := map[string]string{}
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			queries[p.Title+" "+target.RefID] = values.Replace(target.Expr)
		}
	}
	for _, v := range dashboard.Templating.List {
		if inner, ok := strings.CutPrefix(v.Definition, "label_values("); ok {
			inner = inner[:strings.LastIndexByte(inner, ',')]
			queries["$"+v.Name] = values.Replace(inner)
		}
	}
	return queries
}

// busySender returns the address of the metrics of a Sender that has all kinds of mail
// until the test ends.
func busySender(t *testing.T) string {
	t.Helper()
	c := promsmtpace.New(promsmtpace.Options{})
	sender, receiver := newWorld(t, c)
	c.Watch(sender)
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(c)
	web := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.HTTPErrorOnError}))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			for _, to := range []string{fmt.Sprintf("r%d@x.example", i), "gone@x.example", "later@y.example", "a@w.example"} {
				submit(t, sender, to, "")
			}
			submit(t, sender, "a@z.example", "slow")
			select {
			case <-stop:
				return
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
		_ = sender.Close()
		receiver.Close()
		web.Close()
	})
	return web.URL
}

// Every query of the dashboard gives something, and every rule can be evaluated, in a
// real Prometheus that scrapes a Sender at work.
func TestQueriesInPrometheus(t *testing.T) {
	installed(t, "prometheus")
	p := startPrometheus(t, busySender(t))
	queries := dashboardQueries(t)
	if len(queries) < 20 {
		t.Errorf("only %d queries", len(queries))
	}
	for panel, query := range queries {
		t.Run(panel, func(t *testing.T) {
			eventually(t, func() error {
				n, err := p.results(query)
				if err == nil && n == 0 {
					err = fmt.Errorf("nothing for %s", query)
				}
				return err
			})
		})
	}
	t.Run("rules", func(t *testing.T) {
		eventually(t, func() error {
			var data struct {
				Groups []struct {
					Rules []struct{ Name, Health, State string }
				}
			}
			if err := p.get("/api/v1/rules", &data); err != nil {
				return err
			}
			if len(data.Groups) != 1 || len(data.Groups[0].Rules) != 3 {
				return fmt.Errorf("rules: %+v", data)
			}
			for _, r := range data.Groups[0].Rules {
				if r.Health != "ok" || r.Name == "SmtpaceRelayDown" && r.State != "pending" {
					return fmt.Errorf("rule %+v", r)
				}
			}
			return nil
		})
	})
}

// The alerts fire when they should and only then.
func TestAlertRules(t *testing.T) {
	promtool := installed(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		if out, err := exec.Command(promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

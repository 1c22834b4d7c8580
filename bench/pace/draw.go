package main

import (
	"errors"
	"fmt"
	"image/color"
	"os"
	"time"

	"github.com/smtpace/smtpace/internal/simulate"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	vgdraw "gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
)

// How the picture is laid out.
const (
	columns     = 3
	panelWidth  = 11 * vg.Centimeter
	panelHeight = 5.5 * vg.Centimeter
	resolution  = 110 // dots an inch
	smoothing   = 5   // seconds that are shown as one mean
)

var (
	green = color.RGBA{R: 0x1b, G: 0x7f, B: 0x4b, A: 0xff}
	red   = color.RGBA{R: 0xc6, G: 0x28, B: 0x28, A: 0xff}
	grey  = color.RGBA{R: 0x80, G: 0x80, B: 0x80, A: 0xff}
)

// draw writes the panels of all runs to a file.
func draw(list []played, file string) (err error) {
	rows := (len(list) + columns - 1) / columns
	across := min(columns, len(list))
	img := vgimg.NewWith(vgimg.UseWH(vg.Length(across)*panelWidth, vg.Length(rows)*panelHeight), vgimg.UseDPI(resolution))
	tiles := vgdraw.Tiles{Rows: rows, Cols: across, PadX: vg.Centimeter / 2, PadY: vg.Centimeter / 2,
		PadTop: vg.Centimeter / 4, PadBottom: vg.Centimeter / 4, PadLeft: vg.Centimeter / 4, PadRight: vg.Centimeter / 4}
	canvas := vgdraw.New(img)
	for i, p := range list {
		panel, err := newPanel(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.scenario.Name, err)
		}
		panel.Draw(tiles.At(canvas, i%columns, i/columns))
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = vgimg.PngCanvas{Canvas: img}.WriteTo(f)
	return err
}

// newPanel returns the plot of one run: lines of what was accepted and allowed,
// and a needle wherever something was refused.
func newPanel(p played) (*plot.Plot, error) {
	panel := plot.New()
	panel.Title.Text = fmt.Sprintf("%s (%.2f %% refused)", p.scenario.Name, 100*p.result.RefusedShare())
	panel.X.Label.Text = "minutes"
	panel.Y.Label.Text = "a second"
	panel.X.Min, panel.Y.Min = 0, 0
	panel.Legend.Top = true
	accepted, refused := means(active(p.result.Seconds))
	line, err := plotter.NewLine(accepted)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = green, vg.Points(1.2)
	needles, err := plotter.NewLine(spikes(refused))
	if err != nil {
		return nil, err
	}
	needles.Color, needles.Width = red, vg.Points(1.2)
	if steps := allowed(p); steps != nil {
		limit, err := plotter.NewLine(steps)
		if err != nil {
			return nil, err
		}
		limit.Color, limit.Dashes = grey, []vg.Length{vg.Points(3), vg.Points(2)}
		panel.Add(limit)
	}
	panel.Add(line, needles)
	panel.Legend.Add("accepted", line)
	panel.Legend.Add("refused", needles)
	_, _, _, top := plotter.XYRange(accepted)
	panel.Y.Max = 1.35 * max(top, panel.Y.Max/1.35) // room for the legend
	return panel, nil
}

// active returns the seconds up to the last in which something was accepted.
func active(seconds []simulate.Second) []simulate.Second {
	for len(seconds) > 0 && seconds[len(seconds)-1].Accepted == 0 {
		seconds = seconds[:len(seconds)-1]
	}
	return seconds
}

// means returns the mean rates of what was accepted and refused, in messages a
// second, over smoothing seconds each.
func means(seconds []simulate.Second) (accepted, refused plotter.XYs) {
	for i := 0; i < len(seconds); i += smoothing {
		var sum simulate.Second
		part := seconds[i:min(i+smoothing, len(seconds))]
		for _, s := range part {
			sum.Accepted += s.Accepted
			sum.Refused += s.Refused
		}
		x, n := (float64(i)+float64(len(part))/2)/60, float64(len(part))
		accepted = append(accepted, plotter.XY{X: x, Y: float64(sum.Accepted) / n})
		refused = append(refused, plotter.XY{X: x, Y: float64(sum.Refused) / n})
	}
	return accepted, refused
}

// spikes has a line go back to the ground beside every point.
func spikes(points plotter.XYs) plotter.XYs {
	var line plotter.XYs
	for _, p := range points {
		line = append(line, plotter.XY{X: p.X}, p, plotter.XY{X: p.X})
	}
	return line
}

// allowed returns the line of the receiver's rate; nil when it has none.
func allowed(p played) plotter.XYs {
	var line plotter.XYs
	minutes := func(d time.Duration) float64 { return d.Minutes() }
	for i, s := range p.scenario.Allowed {
		end := p.result.Length
		if i+1 < len(p.scenario.Allowed) {
			end = p.scenario.Allowed[i+1].From
		}
		line = append(line, plotter.XY{X: minutes(s.From), Y: s.PerSecond}, plotter.XY{X: minutes(end), Y: s.PerSecond})
	}
	return line
}

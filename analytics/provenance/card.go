package provenance

import (
	"fmt"
	"strings"
)

// Card gives the version as a model card in Markdown, for a person to read.
func (d *Dossier) Card() string {
	m := &d.Model
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Model %s\n", m.Ref())
	line("%s\n", prose(m.IntendedUse))
	state := d.State().String()
	if len(d.Status.Serving) > 0 && d.Revocation == nil {
		state += ", judging " + strings.Join(d.Status.Serving, ", ")
	}
	line("| | |\n|---|---|")
	row := func(name, value string) {
		if value != "" {
			line("| %s | %s |", name, cell(value))
		}
	}
	row("State", state)
	if r := d.Revocation; r != nil {
		row("Revoked", fmt.Sprintf("by %s at %s: %s", r.MSPID, stamp(r.At), r.Reason))
	}
	row("Submitted", fmt.Sprintf("by %s (%s) at %s", m.By, m.MSPID, stamp(m.At)))
	row("Artefact", fmt.Sprintf("`%s`, %d bytes, %s", m.Artefact, m.Size, m.Format))
	row("Meant for", strings.Join(m.Products, ", "))
	row("Licence", m.Licence)
	if m.Parent != nil {
		row("Made from", m.Parent.String())
	}
	if m.Limitations != "" {
		line("\n## Limitations\n\n%s", prose(m.Limitations))
	}
	line("\n## What it was fitted to\n\n| Data set | Blocks | Events | Segments | Licence | Root |\n|---|---|---|---|---|---|")
	for _, s := range d.Datasets {
		if d.fitted(s.ID, s.Version) {
			line("| %s | %d to %d | %d | %d | %s | `%s` |", cell(datasetName(s.ID, s.Version)+about(s.About)), s.From, s.To-1, s.Events, s.Segments, cell(s.Licence), s.Root)
		}
	}
	line("\nIt learns what accepted shipments were like, and is told of no fault.")
	for _, p := range m.Parameters {
		if p.Name == parameterBelow {
			line("Journeys with a verdict of %s or worse were left out.", prose(p.Value))
		}
	}
	line("\n## What it decides by\n\n| Threshold | Value |\n|---|---|")
	for _, t := range m.Thresholds {
		line("| %s | %s |", cell(t.Name), millionths(t.Value))
	}
	line("\n## How well it does\n")
	if len(d.Evaluations) == 0 {
		line("Nobody has evaluated it.")
	} else {
		line("| Evaluated by | On data set | Metric | Value | Of |\n|---|---|---|---|---|")
		for _, e := range d.Evaluations {
			for _, metric := range e.Metrics {
				line("| %s | %s | %s | %s | %d |", cell(e.MSPID), datasetName(e.Dataset.ID, e.Dataset.Version), cell(metric.Name), millionths(metric.Value), metric.Count)
			}
		}
	}
	line("\n## Who stands behind it\n")
	if len(d.Approvals) == 0 {
		line("Nobody but its submitter.")
	}
	for _, a := range d.Approvals {
		line("- %s (%s), at %s, on the evaluation of %s on %s", prose(a.MSPID), prose(a.By), stamp(a.At), prose(a.Evaluation.MSPID), a.Evaluation.Dataset)
	}
	line("\n## How to make it again\n\n| | |\n|---|---|")
	row("Code", fmt.Sprintf("%s at %s, source `%s`", m.Code.Module, m.Code.Revision, m.Code.Source))
	row("Toolchain", strings.TrimSpace(m.Code.Go+" "+m.Code.Platform))
	row("Command", m.Code.Command)
	row("Seed", decimal(m.Seed))
	for _, p := range m.Parameters {
		row(p.Name, p.Value)
	}
	row("Features", "`"+m.Features.String()+"`")
	for _, s := range m.Code.Sums {
		row(s.Path, s.Version+" `"+s.Sum+"`")
	}
	return b.String()
}

func about(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// prose keeps what others wrote from being read as Markdown's or HTML's own.
func prose(s string) string {
	return strings.NewReplacer("\\", "\\\\", "<", "&lt;", ">", "&gt;", "[", "\\[", "]", "\\]", "`", "\\`", "*", "\\*", "_", "\\_", "#", "\\#", "|", "\\|", "!", "\\!").Replace(s)
}

// cell is a text in a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;", ">", "&gt;").Replace(s)
}

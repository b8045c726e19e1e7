package inventory

import (
	"fmt"
	"sort"
	"strings"

	"provision/provision/bundle/catalogue"
)

// Reference returns the reference of the inventory's language as Markdown,
// made from the schema that also decodes it.
func Reference(parts ...Part) string {
	var b strings.Builder
	for _, block := range rootSpec(catalogue.Default(), parts).Blocks {
		reference(&b, block, "")
	}
	referenceFunctions(&b)
	return b.String()
}

func reference(b *strings.Builder, block *blockSpec, outer string) {
	name := block.Name
	if block.Label != "" {
		name += fmt.Sprintf(" %q", strings.ToUpper(block.Label))
	}
	title, level := "`"+name+"`", "###"
	if outer != "" {
		title, level = title+" in `"+outer+"`", "####"
	}
	fmt.Fprintf(b, "%s %s\n\n%s", level, title, block.Doc)
	switch {
	case block.Many:
		b.WriteString(" May be given more than once.")
	case outer == "":
		b.WriteString(" At most once.")
	}
	b.WriteString("\n\n")
	if len(block.Attrs) > 0 {
		b.WriteString("| Attribute | Type | Default | Meaning |\n|---|---|---|---|\n")
	}
	for _, a := range block.Attrs {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", a.Name, a.Kind.Name, shownDefault(a), strings.ReplaceAll(owned(a), "|", `\|`))
	}
	if len(block.Attrs) > 0 {
		b.WriteString("\n")
	}
	for _, child := range block.Blocks {
		reference(b, child, block.Name)
	}
	for _, label := range sortedKeys(block.Choices) {
		chosen := *block.Choices[label]
		chosen.Name, chosen.Doc = fmt.Sprintf("%s %q", block.Name, label), "Settings of "+label+"."
		reference(b, &chosen, outer)
	}
}

// owned says whose an attribute is in a block of the engine's.
func owned(a attrSpec) string {
	if a.Owner == "" {
		return a.Doc
	}
	return a.Doc + " Of " + a.Owner + "."
}

func shownDefault(a attrSpec) string {
	switch {
	case a.Required:
		return "**required**"
	case a.Shown != "":
		return a.Shown
	case a.Default != "":
		return "`" + a.Default + "`"
	}
	return "none"
}

func referenceFunctions(b *strings.Builder) {
	names := []string{"file"}
	for name := range functions(func(string) (string, bool) { return "", false }) {
		names = append(names, name)
	}
	sort.Strings(names)
	b.WriteString("### Functions\n\n")
	for i, name := range names {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("`" + name + "`")
	}
	b.WriteString(".\n")
}

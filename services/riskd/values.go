package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// list is a comma list.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

// Set replaces the list.
func (l *list) Set(text string) error {
	*l = nil
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// days is a comma list of table=days; tables that are not named keep what they have.
type days map[string]int

func (d days) String() string {
	var items []string
	for _, table := range slices.Sorted(maps.Keys(d)) {
		items = append(items, table+"="+strconv.Itoa(d[table]))
	}
	return strings.Join(items, ",")
}

// Set changes the tables it names.
func (d days) Set(text string) error {
	var items list
	if err := items.Set(text); err != nil {
		return err
	}
	for _, item := range items {
		table, number, found := strings.Cut(item, "=")
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if !found || err != nil {
			return fmt.Errorf("%q is not table=days", item)
		}
		d[strings.TrimSpace(table)] = n
	}
	return nil
}

// tenantDays are days by table and tenant, as table/tenant=days items.
type tenantDays map[string]map[string]int

func (d tenantDays) String() string {
	var items []string
	for _, table := range slices.Sorted(maps.Keys(d)) {
		for _, tenant := range slices.Sorted(maps.Keys(d[table])) {
			items = append(items, table+"/"+tenant+"="+strconv.Itoa(d[table][tenant]))
		}
	}
	return strings.Join(items, ",")
}

// Set changes the tables and tenants it names.
func (d tenantDays) Set(text string) error {
	var items list
	if err := items.Set(text); err != nil {
		return err
	}
	for _, item := range items {
		where, number, found := strings.Cut(item, "=")
		table, tenant, named := strings.Cut(strings.TrimSpace(where), "/")
		n, err := strconv.Atoi(strings.TrimSpace(number))
		if !found || !named || err != nil {
			return fmt.Errorf("%q is not table/tenant=days", item)
		}
		if d[table] == nil {
			d[table] = map[string]int{}
		}
		d[table][tenant] = n
	}
	return nil
}

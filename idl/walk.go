package idl

// visitNodes calls f for a node and for all below it, from the top.
func visitNodes(node any, f func(node any)) {
	f(node)
	fields := func(fs []Field) {
		for i := range fs {
			visitNodes(&fs[i], f)
		}
	}
	switch n := node.(type) {
	case *Service:
		for i := range n.Members {
			visitNodes(&n.Members[i], f)
		}
		for i := range n.Types {
			visitNodes(&n.Types[i], f)
		}
		for i := range n.Errors {
			visitNodes(&n.Errors[i], f)
		}
	case *Member:
		fields(n.Params)
		fields(n.Result)
		if n.Item != nil {
			visitNodes(n.Item, f)
		}
	case *NamedType:
		visitNodes(&n.Type, f)
	case *NamedError:
		fields(n.Fields)
	case *Field:
		visitNodes(&n.Type, f)
	case *Type:
		if n.Of != nil {
			visitNodes(n.Of, f)
		}
		fields(n.Fields)
		for i := range n.Options {
			visitNodes(&n.Options[i], f)
		}
	case *Case:
		if n.Type != nil {
			visitNodes(n.Type, f)
		}
	}
}

// walkNames calls f for each name of a type below node.
func walkNames(node any, f func(name string)) {
	visitNodes(node, func(n any) {
		if t, ok := n.(*Type); ok && t.Kind == Named {
			f(t.Name)
		}
	})
}

// reach notes the named types that a node needs, directly or not.
func (s *Service) reach(node any, seen map[string]bool) {
	walkNames(node, func(name string) {
		if seen[name] {
			return
		}
		seen[name] = true
		for i := range s.Types {
			if s.Types[i].Name == name {
				s.reach(&s.Types[i], seen)
			}
		}
	})
}

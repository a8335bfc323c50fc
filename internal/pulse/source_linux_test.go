package pulse

func standIn() source { return source{poor: true} }

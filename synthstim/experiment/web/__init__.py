"""The same experiment in a browser: a jsPsych page of the plan, and the small server that keeps the answers."""

"""What Millicent costs on AWS: `estimate` multiplies counted units with a dated table of prices."""

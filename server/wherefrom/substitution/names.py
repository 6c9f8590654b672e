"""Given names for substitutes that look as if a person had them. Sixty-four, so one drawn at random adds six bits."""

NAMES = (
    "adam", "alba", "alex", "alma", "anna", "anton", "aria", "aron",
    "bela", "bruno", "cara", "carl", "clara", "dana", "daria", "david",
    "edgar", "ella", "emil", "emma", "erik", "eva", "felix", "finn",
    "frida", "greta", "hana", "hugo", "ida", "igor", "ines", "iris",
    "ivan", "jana", "jonas", "julia", "karin", "kira", "lara", "lea",
    "leo", "lina", "lucas", "luisa", "maja", "marta", "max", "mila",
    "mona", "nadia", "nina", "noah", "nora", "olga", "oscar", "otto",
    "paula", "petra", "rosa", "simon", "sofia", "tara", "tom", "vera",
)  # fmt: skip

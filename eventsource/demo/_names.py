"""The made-up people and places that events name, and the hostile texts among them."""

import json
from dataclasses import dataclass
from typing import Final

__all__ = ["COUNTRIES", "HOSTILE", "Country"]


@dataclass(frozen=True)
class Country:
    """Ten first names, ten last names, six cities with postcodes, six streets; ``code`` is ISO 3166."""

    code: str
    first: tuple[str, ...]
    last: tuple[str, ...]
    cities: tuple[str, ...]
    postcodes: tuple[str, ...]
    streets: tuple[str, ...]


def _country(code: str, first: str, last: str, places: str, streets: str) -> Country:
    cities, postcodes = zip(*(place.split("=") for place in places.split(", ")), strict=True)
    return Country(code, tuple(first.split()), tuple(last.split()), cities, postcodes, tuple(streets.split(", ")))


# ruff: noqa: RUF001 - the dotless i is what a Turkish name has
COUNTRIES: Final = (
    _country(
        "PL",
        "Zofia Łukasz Małgorzata Paweł Agnieszka Michał Żaneta Grażyna Stanisław Jan",
        "Nowak Kowalska Wiśniewski Wójcik Zieliński Szymańska Woźniak Dąbrowski Kozłowska Źródlak",
        "Warszawa=00-950, Kraków=31-147, Łódź=90-001, Gdańsk=80-309, Poznań=61-701, Wrocław=50-110",
        "ul. Długa, ul. Świętokrzyska, ul. Lipowa, al. Jana Pawła II, ul. Żeromskiego, ul. Piękna",
    ),
    _country(
        "DE",
        "Jürgen Anna Björn Käthe Lukas Sören Marie Günther Lena Max",
        "Müller Schmidt Schäfer Groß Köhler Weiß Fischer Jäger Böhm Vogel",
        "Berlin=10115, München=80331, Köln=50667, Düsseldorf=40213, Leipzig=04109, Nürnberg=90402",
        "Hauptstraße, Bahnhofstraße, Gartenweg, Goetheallee, Am Mühlbach, Schloßgasse",
    ),
    _country(
        "CZ",
        "Jiří Kateřina Tomáš Lucie Ondřej Tereza Zdeněk Božena Václav Hana",
        "Novák Dvořáková Černý Procházka Kučera Veselá Horák Němec Pokorný Růžička",
        "Praha=110 00, Brno=602 00, Ostrava=702 00, Plzeň=301 00, Olomouc=779 00, Liberec=460 01",
        "Dlouhá, Květná, Nádražní, Školní, U Řeky, Masarykova",
    ),
    _country(
        "FR",
        "Chloé François Zoé Jérôme Léa Benoît Hélène Loïc Anaïs Luc",
        "Lefèvre Bernard Garçon Dubois Chevrière Moreau Noël Besnard Gérard Petit",
        "Paris=75002, Lyon=69001, Nîmes=30000, Orléans=45000, Besançon=25000, Lille=59000",
        "rue de l'Église, rue Victor-Hugo, avenue Foch, place du Marché, rue du Château, quai Bérigny",
    ),
    _country(
        "ES",
        "José María Íñigo Begoña Andrés Lucía Óscar Nuria Álvaro Inés",
        "García Núñez Muñoz Peña Sánchez Ibáñez López Castaño Martínez Ruiz",
        "Madrid=28013, A Coruña=15001, Málaga=29005, Cádiz=11001, León=24001, Sevilla=41001",
        "Calle Mayor, Calle del Sol, Avenida de España, Paseo del Río, Plaza Nueva, Calle Peñón",
    ),
    _country(
        "SE",
        "Åsa Björk Sven Märta Örjan Elsa Göran Linnéa Håkan Nils",
        "Lindström Öberg Ström Ångström Sjögren Berg Åkesson Nyström Hedlund Ek",
        "Stockholm=111 20, Göteborg=411 05, Malmö=211 19, Västerås=722 11, Örebro=702 11, Umeå=903 26",
        "Storgatan, Kungsgatan, Ågatan, Björkvägen, Sjöstigen, Östra Hamngatan",
    ),
    _country(
        "TR",
        "Ayşe Çağla Mehmet Gülşen Ömer Şule İbrahim Ece Uğur Deniz",
        "Yılmaz Öztürk Şahin Çelik Güneş Doğan Kılıç Işık Aydın Koç",
        "İstanbul=34430, Ankara=06420, İzmir=35210, Eskişehir=26010, Muğla=48000, Çanakkale=17100",
        "İstiklal Caddesi, Bağdat Caddesi, Gül Sokak, Çınar Sokak, Şehit Caddesi, Deniz Sokak",
    ),
    _country(
        "GB",
        "Siân Oliver Zoë Rhys Niamh Harry Chloe Emyr Grace Renée",
        "Smith Brontë O'Connor Evans MacDonald Hughes Taylor Llŷr Brown Wright",
        "London=EC1A 1BB, Cardiff=CF10 1EP, Leeds=LS1 4AP, Belfast=BT1 5GS, Glasgow=G1 1DN, York=YO1 7HH",
        "High Street, Station Road, Mill Lane, Queen's Road, Church Close, Victoria Terrace",
    ),
)

HOSTILE: Final = tuple(
    json.dumps(name, ensure_ascii=False)[1:-1]
    for name in (
        "</script><script>alert(1)</script>",
        "=1+1",
        "<img src=x onerror=alert(1)>",
        '"Bobby" \\ O\'Tables; DROP TABLE customers;--',
        "@SUM(A1:A9)",
    )
)
"""Names that an export must show as the text they are; already escaped as JSON wants it."""
